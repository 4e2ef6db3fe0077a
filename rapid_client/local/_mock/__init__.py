"""The mock Runtime API, from the inside out.

    model      what callers give and get: settings, options, outcomes, recorded requests, errors
    faults     scripted faults, and the script that hands each out once
    replies    exact replies, as Go's net/http writes them
    machine    the states of the classic Runtime API; no I/O, no locks, no clock
    recorder   the requests that were seen, within bounds
    reader     HTTP/1.1 requests from bytes, by h11
    connection one TCP connection: one request at a time, the faults applied
    hub        what the connections and the caller's threads share, behind one lock
    server     MockRuntimeApi: the thread, the socket, the public face

It shares no code with the runtime's own HTTP code: two ends with one bug would agree with each other.
"""
