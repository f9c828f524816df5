"""How gscope-mini is made: `python -m gscope_widgets.mini.train build --out FOLDER`."""
