"""`mq serve`: gateways through which unmodified clients use the store, in one process.

Nothing here is imported by a command other than `serve`: it needs asyncio, and a gateway its
package of the extra `serve`.
"""
