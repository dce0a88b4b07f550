"""`/docs`: the OpenAPI document as one page to read, without a script and without anything from elsewhere.

fields.py      a JSON Schema becomes a list of fields with words for their kinds and rules
view.py        the document becomes what the page shows: sections, operations, events
page.html      the page, with style.css inside
serving.py     both as routes, with their ETag
"""
