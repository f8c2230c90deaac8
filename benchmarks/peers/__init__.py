"""accelsim beside SCALE-Sim and ZigZag on the same work, each in its own environment: `make bench-peers`.

Standard library alone: the drivers run in the environments of the other tools.
"""
