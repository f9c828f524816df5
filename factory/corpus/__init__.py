"""Varied text from a small invented world, with the concepts that every stretch of it carries.

The world is Tarn, an archipelago of eight regions and 48 towns. A seed gives endless documents of several
registers; each is its text and its spans, and a span says which characters carry which concept. A model
trained on the text can then be asked, of any feature, which known concept it follows.

How a document comes about: `registers` samples a register, whose `write_*` function writes into a `Writer`.
The writer expands templates (its docstring has their marks) by the rules of a grammar and by word tables,
and labels as it goes: words by their table, phrases by the rule that wrote them, lines by `w.within(concept)`.

| file | what it holds |
|---|---|
| `document` | what comes out: `Document`, `Span` |
| `registers` | the table of registers, and `generate_documents` |
| `concepts` | every concept with its meaning, its parents, and the grammar rules that write it |
| `writer`, `grammar` | templates into labelled text; grammar text into rules, and the split of templates |
| `tarn`, `names` | the facts that hold in every document; the people |
| `lexicon`, `inflection`, `labels` | word tables, word forms, and what a plain word is known to mean |
| `phrases`, `actions`, `events`, `numbers` | rules that every English register shares |
| `senses` | words whose sense only a sentence further back tells |
| `subjects`, `agreement` | sentences whose verb stands far from its subject, and prompts to measure with |
| `stories`, `plays`, `recipes`, `questions`, ... | one register or two each: their rules and `write_*` |

To add a register: a file with `write_x(w, goal)`, a line in `registers`, a line in `concepts` under "register".
To add a phrase: a rule in a grammar, and a line under "phrase" in `concepts` that names the rule.
To add a word: an entry in its table of `lexicon`; it is labelled wherever it is clear what it means.
To add a concept: a line in `concepts`, and the `w.within` or table that writes it. A child brings its parents.
`tests/factory/corpus/test_documents.py` fails where a span has no concept, or a concept no span.

Concepts stand in levels: `parents_of` goes up one, `with_parents` all the way, `family_of` names the family.
"""

from .agreement import AgreementItem, agreement_items
from .concepts import CONCEPTS, family_of, parents_of, with_parents
from .conversations import CHAT_REGISTERS, generate_chat
from .document import Document, Span
from .registers import REGISTERS, generate_documents

__all__ = [
    "CHAT_REGISTERS",
    "CONCEPTS",
    "REGISTERS",
    "AgreementItem",
    "Document",
    "Span",
    "agreement_items",
    "family_of",
    "generate_chat",
    "generate_documents",
    "parents_of",
    "with_parents",
]
