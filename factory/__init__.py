"""How gscope-mini is made and measured: `python -m factory --out FOLDER`, from the root of a clone.

| folder | what it holds |
|---|---|
| `corpus` | seeded text of an invented world, with the concepts that every stretch of it carries |
| `training` | tokenizer, models and dictionaries, from that text |
| `claims` | what mini shows: a family of claims a folder, each measured with its interval and control |

It is no part of the wheel: the package never imports it, and ships what it makes
(`gscope_widgets/mini/`).
"""
