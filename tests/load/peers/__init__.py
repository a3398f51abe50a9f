"""What a competent user of each library would write for the same job; every file is one process."""
