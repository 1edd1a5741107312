"""Herald lets its owner talk to Claude Code on this machine from Telegram: one lean asyncio process.

cli.py              the `herald` command
preview.py          what `herald render` prints
app.py              builds the parts, runs them, takes them down in order
rooms.py            the conversations that are going on, each with its way out
conversation.py     the queue of one chat or topic; the only file that knows the steps of a turn
mailbox.py          what arrives at a conversation
desk.py             what becomes of a message: told and noted in one step; what a crash or a stop has cut
liaison.py          the line to Claude: what it says is remembered, refused or shown
companion.py        the Claude of one place: its session and the warm child
seats.py            how many children at once, and who makes room
exchange.py         the turn under way in one child, and how it ends
patience.py         how long a turn may take
config.py           load(env) -> Config; reports every problem at once
environment.py      the environment, the .env files, the systemd credential
model.py            the nouns: Place, Incoming, Session, Decision
errors.py           the failures herald can name, each a sentence plus a hint
logs.py             the log, with the token taken out
hiding.py           which secrets are taken out of what goes to the chat
systemd.py          READY, STATUS, WATCHDOG, STOPPING, and what the watchdog is fed by
formatting/         pure: Markdown -> styled runs -> Telegram-sized messages; the same for an answer that grows, secrets
                    masked, rich messages
claude/             the CLI: events.py and protocol.py (pure: lines <-> events), turn.py (pure fold of events),
                    failures.py (pure: what went wrong, in words), process.py (one child), orphans.py (what it leaves),
                    transcripts.py (what became of a prompt), terminals.py (who else has a session open)
telegram/           poller.py and outage.py (asks for updates), door.py (updates in), reply.py (everything the user sees
                    of a turn), composer.py (an answer becomes messages), letters.py (what is sent), outbox.py (messages
                    out), health.py (a ping a minute), bot.py (the connection), lean.py (the lean aiogram import)
storage/            database.py and journal.py (herald.db: what came in, what goes out), sessions.py (sessions.json),
                    lock.py (one copy per state folder and per bot)
setup/              the user unit
rehearsal/          a loopback Bot API with its chat page, and a scripted `claude`: what `herald try` and the tests use

One noun per file made more files than the first plan had: the conversation gave its mailbox, desk, liaison, companion,
seats, exchange and patience to files of their own, the protocol its events and failures, the process its orphans, the
reply its outbox, the door its poller.

The laws, which every change keeps:

1. A message that Telegram delivered is answered, or its owner is told why not; never twice because of a restart. It is
   in the journal before Telegram is told that it was taken.
2. An answer that Claude finished is delivered: a flood wait, network loss, a refused format or a restart only delay it.
3. A prompt is never repeated after it may have had side effects. Each carries a uuid5 of (bot id, update id, attempt),
   which the CLI runs at most once per session. The automatic retries are the expired session, where the CLI refused to
   begin, and a prompt that no transcript holds after a crash; what else was cut is up to its owner.
4. Only the CLI's own words for an unknown session count as expiry.
5. The session id is saved when the turn starts, and when it changes. At most one turn runs per session.
6. The watchdog is fed only by polls of Telegram that answer or fail before their deadline.
7. No answer to a permission question is a no.
8. Whoever is not on the allow-list gets nothing. With an empty allow-list herald does not start.
9. The bot token and herald's settings never reach the child's environment, argv, the log or the chat.
10. An unreadable state file is moved aside and reported, never overwritten.
11. Unknown input from the CLI or Telegram is a value, never a crash. An unknown request is answered.
12. Every child process dies with its conversation: interrupt, end of input, TERM, KILL; then what its tools left.
13. Every wait on the outside has a deadline.
"""
