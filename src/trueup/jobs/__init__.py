"""What a worker, the endpoints and the program do when a job is carried out: one file per kind."""
