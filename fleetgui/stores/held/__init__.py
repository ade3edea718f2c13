"""The whole fleet in columns, searched, sorted and grouped in a worker. Qt and the network are unknown here.

`fleet` is what everybody holds, `rows` the same as rows of the table, `snapshot` the fleet as it was at one moment:
what the one thread of `worker` looks at. What it is made of: `cells` (arrays that grow), `texts`, `times` and `labels`,
put together as `columns` of the summary and, for any other field, in `payload`; `index` finds a device's row, `heard`
lays over it what was heard since. A question becomes a `plan` in `asking`; `search` answers it, `ranks` and `ordering`
sort and count, `layout` and `heads` put what was found under the heads of groups.
"""
