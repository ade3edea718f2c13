"""Qt item models: thin adapters over stores. They hold no fleet data of their own, and asking one never starts I/O.

The table of devices: `devices` is the model over the roster, `columns` its columns as data (`payload_columns`: those of
any other field), `facts` what is known of one row (gathered by `row_facts`), `drawn` what is kept of a row on the
screen, `changes` which rows are to be drawn anew, `groups` the heads of groups in words.

Every other table stands on `cell_model`: `id_rows` in the order of ids (`topologies`, `topology_open`), `keyed` sorted
by column with `row_order` (`deployments`), and the logs (`journal`, `events`, `topology_events`). `clipboard` writes
rows as text, `subscriptions` ties a listener's life to a Qt object's.
"""
