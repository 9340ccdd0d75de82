"""The command line itself: its root, its options, its output, its errors and signals."""
