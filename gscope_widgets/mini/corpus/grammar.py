"""Reads grammar text: a line `name:` opens a rule and each indented line below is one way to write it."""


def parse(text: str) -> dict[str, list[str]]:
    """The rules of a grammar text, each a list of templates."""
    rules: dict[str, list[str]] = {}
    for line in text.splitlines():
        if not line.strip():
            continue
        if line[0] != " ":
            rules[line.rstrip(": ")] = current = []
        else:
            current.append(line.strip().replace("_", " ") if "{" not in line else line.strip())
    return rules
