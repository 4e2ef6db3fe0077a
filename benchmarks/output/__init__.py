"""What becomes of a run: its JSON, its tables and plots, the targets it met, and the pages that show it.

`report` keeps a run, and `figures` says what the names in it mean. `tables` makes Markdown of it, `targets`
judges it, `plots` says which panels there are, and `drawing` draws them. `publish` writes all that into the
README and the docs; `repeat` says whether two runs agree.
"""
