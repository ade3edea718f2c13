"""The one NATS connection: contexts and credentials, a client that is guarded, and what stands on it.

`connection` is what everybody holds; `opening` and `guarded` are the client below it, `supervisor` and `retries` how it
comes back. `subscriptions`, `requests`, `services` and `intake` carry messages, `buckets` and `watch` (with its
`consumer` and its `contents`) what JetStream keeps. `tasks` is the only place where a task starts. Runs on the loop;
knows no Qt and nothing of what messages say.
"""
