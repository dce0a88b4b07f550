"""The console: what the API says and does, for people with a browser.

It is a client of the API inside the process: a page asks operations by their ids with the rights of whoever
is inside (`asking`), so that it can do nothing the API would refuse them, and what they do stands in the
audit log as if they had called it. A page is a handler (`pages`) and a template; everything that is put into
a template is escaped. Nobody needs JavaScript; none but ours runs.

    serving     a request's way: session, form, handler, answer
    ways_in     signing in, links that open once, signing out
    sessions    the cookie, and whose rights a session has
    page        what a page is, and what its handler gets and returns
    forms       what was filled in, and whether it may be believed
    asking      operations of the API, asked by pages
    around      headers and addresses; problems as pages
    times       times as people type them
    things      where a thing is looked at, from its id
    causes      what an attempt ended with, in words
    drawing     templates, and how values are written in them
    dial        the deadline dial as a drawing
    saving      lists as files
    targets     the names of webhooks and connectors
    times       times as people type them
    files       style and script
    hooks       whose webhooks a page is about: an organization's, or the platform's own
    webhook_fields  the form of a webhook, and what it asks of the API
    bars        what came of attempts by the hour, as a drawing
    pages/      the pages, a module for each noun
"""
