"""HubSpot: contacts by phone, calls as activities on their timelines.

    connector.py   the four things HUM asks for, in terms of HubSpot
    mapping.py     HUM's fields and HubSpot's properties, both ways
    body.py        the text of a call: sections, merged on update, within HubSpot's limit
    client.py      the requests
    answers.py     what HubSpot's answers mean
    pace.py        HubSpot's limits, kept from this side
    recent.py      what has just been made, and HubSpot's search does not know yet

README.md: from nothing to a call in HubSpot.
"""
