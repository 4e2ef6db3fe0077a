"""Benchmarks: every client of the Lambda Runtime API as a whole process, in one run, on the same events.

``python -m benchmarks`` runs them all; ``python -m benchmarks --help`` says how to run fewer.
Nothing here ships.

The command       ``__main__`` reads the command line, ``session`` is a run from there to its tables.
What is measured  ``peers/`` are the clients, ``functions/`` and ``events/`` with ``payloads`` what they are
                  given; ``floor.py`` and ``floor.c`` do the least that a client must.
How               ``measures/`` has one entry per measure; ``runner`` takes them in turns over all peers, and
                  ``progress`` shows how far it is. ``server/`` answers a peer, ``process`` starts and watches
                  it, ``cgroup`` gives it a share of a CPU; ``clean_room`` and ``bytecode`` prepare the
                  interpreter that it runs on.
What comes of it  ``output/`` keeps, prints, draws, judges and publishes a run; ``results/`` has the files.
Users' functions  ``corpus/`` has thirty over the packages that people use, ``cold_start/`` measures their
                  cold starts, as they come and packaged.
Beside the runs   ``pieces/`` times the hot path's parts by pytest-benchmark, ``compare/`` does so on two
                  commits, ``startup`` says where the time of a start goes.
"""
