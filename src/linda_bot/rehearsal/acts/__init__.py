"""What is done to a bot in each rehearsal; the programme says what for."""
