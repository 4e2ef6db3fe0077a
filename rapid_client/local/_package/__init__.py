"""`rapid package`: a function's zip file that starts as fast as it can. `build` composes the other modules.

Needs the extra ``layer``; the command says so before any of this is imported.
"""
