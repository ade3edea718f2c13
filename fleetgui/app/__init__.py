"""The composition root: Qt start-up, the session that wires link, feeds, stores and windows, and how it all ends.

`run` starts Qt as `options` ask and paints `frame`; `session` is one console from there on: `fabric` makes the link and
the feeds, `pages` the window's pages, `table` decides who fills the table of devices. `loop` is asyncio on Qt's loop,
`stall` how late it runs, `errors` where every failure ends up, `crash` what is left of a process that died. `settings`
is what stays between starts, written by `files`; `diagnostics` and `report` tell what this console knows of itself.
`headless` runs the commands that have no window.
"""
