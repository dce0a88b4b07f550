"""Who is calling: asked of every source at once, answered before a deadline, whatever happens.

`caller` is the flow: waits, merges, answers. A source (`sources`) says what it knows of a number:
`connectors` asks CRMs and knows what they have said before. `keeping` remembers answers and writes what was
said, off the way of the answer; `creating` has unknown callers created. `flights` makes one question of many
that are the same, `room` bounds how many are open.

Only the waiting ends at the deadline. What was asked goes on to its own time limit, and its answer is kept.
"""
