"""The smallest complete connector: a CRM in memory. Read `connector.py` first."""
