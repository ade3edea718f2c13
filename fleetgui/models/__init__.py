"""Qt item models: thin adapters over stores. They hold no fleet data of their own, and asking one never starts I/O.

The table of devices: `devices` is the model over the roster, `columns` its columns as data, `facts` what is known of
one row (gathered by `row_facts`), `drawn` what is kept of a row on the screen. Every other table stands on
`cell_model`: `id_rows` in the order of ids, `keyed` sorted by column, and the logs. `clipboard` writes rows as text,
`subscriptions` ties a listener's life to a Qt object's.
"""
