"""Who is calling: asked of every source at once, answered before a deadline, whatever happens.

    caller        the flow: hears the sources (`hearing`), puts it together (`answering`), goes on after that
    sources       what a source is: `book` what people have written, `connectors` what CRMs say, `numbers`
                  what the network says
    recalls       what is kept, read; `keeping` writes it, off the way of the answer
    resolutions   the answers themselves, for whoever asks again or waits for more
    questions     one question to one connector; `endpoints` knows whom to spare, `flights` makes one of many
                  that are the same, `room` bounds how many are open
    lookups       one number, claimed, charged and asked for; `accounts` knows which account to spare,
                  `account_tests` tries one, and `filling` does it for a job
    creating      callers whom nobody knows; `belonging` finds the contact of a call
    previewing    what an agent would be told; `tallying` counts

Only the waiting ends at the deadline. What was asked goes on to its own time limit, and its answer is kept.
"""
