"""A report, for people and for programs: on a terminal, as JSON, JUnit and HTML."""
