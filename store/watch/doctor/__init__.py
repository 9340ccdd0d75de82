"""What the doctor looks at: plumbing (also of files), readers, queues, and the store's file."""
