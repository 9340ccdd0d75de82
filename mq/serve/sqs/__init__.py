"""Amazon SQS over HTTP: JSON 1.0 and the query protocol, on queues of the store.

`wire` and the modules beside it read and write requests and know no store; `gateway` calls the
operations, which stand in the module of their noun.
"""
