"""Pure rules: same input, same answer, time always passed in.

The gateway that enforces a rule, the console that explains it, and a what-if on recorded data run the same code:
`band` (lag bands), `throttle` (reconnects), `pages` (page sizes), `freshness` (which state a figure is in),
`states` (the one enum of states), `formats` (how times and numbers are written), `clock` (what "now" is),
`filters` (the language of the device table).
"""
