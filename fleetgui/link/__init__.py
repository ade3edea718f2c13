"""The one NATS connection: contexts and credentials, a client that is guarded, and what stands on it.

`connection` is what everybody holds, under the limits of `settings`, with `footprint` for what it costs. Which fleet,
as whom: `context`, with `nats_cli`, `servers` and `credentials`. A connection: `opening` and `guarded` are the client
(`reader` takes its bytes apart), `supervisor` and `retries` bring it back, `verdicts` and `denials` read why it ended
or what may not be. Messages: `subscriptions`, `requests`, `services`, and `intake` with `turns`; `messages` is what
they carry. What JetStream keeps: `streams`, `buckets` with `entries`, and `watch` with its `consumer` and its
`contents`. `errors` is all that callers can tell apart; `tasks` is the only place where a task starts. Runs on the
loop; knows no Qt and nothing of what messages say.
"""
