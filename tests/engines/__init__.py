"""What holds for every engine: places, features, refusals, and one list of behaviours."""
