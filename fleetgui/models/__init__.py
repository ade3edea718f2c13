"""Qt item models: thin adapters over stores. They hold no fleet data of their own, and asking one never starts I/O.

`facts` what is known of one row at one moment, `columns` the table's columns as data, `devices` the model over the
roster, `clipboard` rows as tab-separated text, `subscriptions` ties a listener's life to a Qt object's.
"""
