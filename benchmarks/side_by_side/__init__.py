"""mq beside what else a Python program can use on one machine: same messages, same run."""
