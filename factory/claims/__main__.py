"""Write the list of claims into `docs/claims.md`: `python -m factory.claims`."""

from factory.claims.index import PAGE, find_modules, insert_list, list_claims
from gscope_widgets.mini import claims

if __name__ == "__main__":
    PAGE.write_text(insert_list(PAGE.read_text(encoding="utf-8"), list_claims(claims(), find_modules())), "utf-8")
