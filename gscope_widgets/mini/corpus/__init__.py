"""Varied text from a small invented world, with the concepts that every stretch of it carries."""

from .concepts import CONCEPTS
from .document import Document, Span
from .registers import REGISTERS, generate_documents

__all__ = ["CONCEPTS", "REGISTERS", "Document", "Span", "generate_documents"]
