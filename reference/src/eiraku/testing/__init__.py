"""Faults on purpose, and worlds to try purses in: for tests and studies. No product module imports it.

There are two worlds. `purses.World`: purses in sessions, their centres bare and in memory. `town.Town`: real
centres in databases, in stages from keys alone to a scheme that is served.
"""
