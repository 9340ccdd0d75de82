"""What tests share: programs, models, machines, faults and ways to start processes."""
