"""RabbitMQ's definitions files, turned into topologies."""
