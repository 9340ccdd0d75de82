"""HTTP/1.1 for gateways: values, and a connection as an asyncio protocol. Knows no gateway."""
