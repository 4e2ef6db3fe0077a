"""Cold starts of users' functions: ``python -m benchmarks.cold_start``, over the functions of ``corpus/``.

``corpus`` reads the functions and keeps their wheels, ``forky`` lends a Python that only a Debian root has,
``mounts`` puts it there; ``packaging`` runs `rapid package` on the functions, ``trees`` unpacks them in every
state that a zip file can leave them in, ``variants`` says who starts which of these, ``measure`` does it in
turns, ``report`` judges.
"""
