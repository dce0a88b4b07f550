"""Only SQL: tables, transactions, encryption at rest, and one module for each noun that is stored."""
