"""The devices page: the table over the whole registry with its filter, columns, groups, marks and views.

`page` puts it together. The table from the ground up: `rows` is any table of very many rows that are alike, `table` the
one of devices, drawn by `painting` and `heads`, kept at its place by `place`, sorted and pinned by `header`. What is
wanted of it is `wishes` (with `order`), typed in `filter_line`, grouped by `groups`, kept by `views`; the strip with
these is `bar`, and `ask` asks before a whole fleet is read. Columns are arranged in `columns`, by `columns_menu` and by
`columns_dialog` with its `columns_list`. `viewing` looks and `sentence` says what the table shows, `coverage` how much
of the fleet was read, `seen` what its rows hold. A row's own: `menu`, `marks`, `clipboard` with `copy`.
"""
