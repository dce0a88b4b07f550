"""Who is calling: asked of every source at once, answered before a deadline, whatever happens.

`caller` is the flow: hears what sources say (`hearing`), puts it together (`answering`), and goes on when it
comes late. A source (`sources`) says what it knows of a number: `book` what people have written, `connectors`
what CRMs say. `recalls` reads what is kept, `keeping` writes what was said, off the way of the answer;
`resolutions` are the answers themselves. `questions` puts one question to one connector, as often as it takes:
`endpoints` knows whom to spare, `flights` makes one question of many that are the same, `room` bounds how many
are open. `creating` has unknown callers created, `belonging` finds the contact of a call, `previewing` says
what an agent would be told, `tallying` counts.

Only the waiting ends at the deadline. What was asked goes on to its own time limit, and its answer is kept.
"""
