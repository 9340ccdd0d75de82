"""An engine: queues and exchanges of a RabbitMQ server, over AMQP 0-9-1 and its management API."""
