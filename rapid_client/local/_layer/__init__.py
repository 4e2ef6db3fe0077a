"""`rapid layer`: Lambda layers, built and verified. `build` composes the other modules.

Needs the extra ``layer``; the command says so before any of this is imported.
"""
