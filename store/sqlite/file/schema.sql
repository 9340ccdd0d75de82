-- The whole schema. Every table of mq begins with mq_, so that projections and a user's own tables
-- can live beside them. Times are milliseconds: "store time" follows the boot clock (mq_clock) and
-- serves every deadline; "wall" is Unix time and serves what people read.
-- Record ids are partition << 40 | offset, lease ids are slot << 40 | offset; both halves stay
-- positive because partition and slot ids stay below 2^23 and are never reused.

-- One row: what holds for the whole file.
create table mq_store (
  id integer primary key check (id = 1),
  uuid blob not null check (length(uuid) = 16),
  created integer not null,                       -- wall
  durability text not null check (durability in ('full', 'normal')),
  max_bytes integer check (max_bytes > 0),        -- the file may not grow beyond this
  generation integer not null default 0,          -- raised by every change of settings
  wall_ahead integer not null default 0,          -- of store time, when it was last known to be right
  copy integer not null default 0,                -- a number that every copy gets anew
  last_commit integer not null default 0,         -- the newest commit that is in no other row
  lost_commits integer not null default 0 check (lost_commits >= 0), -- confirmed and gone
  lost_since integer,                             -- wall
  read_only integer not null default 0 check (read_only in (0, 1)) -- takes nothing new
) strict;

-- One row: which instant of the boot clock is which instant of store time.
create table mq_clock (
  id integer primary key check (id = 1),
  boot_id text not null,
  boot integer not null,
  store integer not null
) strict;

-- The one name space of topics, queues and shares.
create table mq_channels (
  id integer primary key autoincrement,
  name text not null unique check (length(name) between 1 and 765),
  kind text not null check (kind in ('topic', 'queue', 'share')),
  created integer not null,                       -- wall
  label text                                      -- the topology file that owns it
) strict;

-- The settings of a topic.
create table mq_topics (
  channel integer primary key references mq_channels on delete cascade,
  retention integer check (retention > 0),        -- null: for ever
  retention_bytes integer check (retention_bytes > 0),
  cleanup text not null check (cleanup in ('delete', 'compact', 'compact,delete')),
  tombstone_delay integer not null check (tombstone_delay >= 0),
  compaction_lag integer not null check (compaction_lag >= 0),
  max_message integer not null check (max_message between 1 and 67108864),
  labels text                                     -- a JSON object
) strict;

-- The settings of a queue.
create table mq_queues (
  channel integer primary key references mq_channels on delete cascade,
  fifo integer not null check (fifo in (0, 1)),
  delay integer not null check (delay >= 0),
  retention integer not null check (retention > 0),
  max_message integer not null check (max_message between 1 and 67108864),
  retry_delays text,
  dedup_window integer check (dedup_window > 0),
  content_dedup integer not null check (content_dedup in (0, 1)),
  dedup_scope text not null check (dedup_scope in ('queue', 'group')),
  priorities integer not null check (priorities between 1 and 256),
  ttl integer check (ttl >= 0),
  max_length integer check (max_length >= 0),
  max_bytes integer check (max_bytes >= 0),
  overflow text not null check (overflow in ('drop-head', 'reject', 'dead-letter')),
  single_active integer not null check (single_active in (0, 1)),
  fair integer not null check (fair in (0, 1)),
  redrive_allow text not null default 'all',
  chaos text,
  moved integer not null default 0,               -- ever: dead-lettered, redriven, taken back
  dropped integer not null default 0,             -- ever; all others that left were acknowledged
  wait integer not null default 0 check (wait >= 0), -- of a receive that does not say
  chaos_calls integer not null default 0,         -- where a queue under chaos is in its trace
  busy_until integer not null default 0,          -- store time in microseconds, for its throttle
  labels text,                                    -- a JSON object
  check (fifo = 0 or (priorities = 1 and fair = 0))
) strict;

-- A partition of a topic or a lane (priority x delayed) of a queue, with what it holds.
-- A partition without a channel is doomed: passing writers drain it in bounded steps.
create table mq_partitions (
  id integer primary key autoincrement check (id < 8388608),
  channel integer references mq_channels on delete set null,
  number integer not null check (number >= 0),
  start integer not null default 0,
  next integer not null default 0,
  records integer not null default 0,
  bytes integer not null default 0,
  dead_letters integer not null default 0 check (dead_letters >= 0), -- of the records
  last_timestamp integer not null default 0,      -- wall
  compacted integer not null default 0,           -- the last compaction saw every offset below
  checked integer not null default 0,             -- store time of the last check for old records
  last_commit integer not null default 0,         -- the number of a commit that changed this row
  unique (channel, number),
  check (0 <= start and start <= next and next < 1099511627776),
  check (records between 0 and next - start),
  check (bytes >= 0),
  check (compacted <= next)
) strict;
create index mq_partitions_doomed on mq_partitions (id) where channel is null;
create index mq_partitions_checked on mq_partitions (checked) where channel is not null;

-- Every record of every topic and queue.
create table mq_records (
  id integer primary key,
  timestamp integer not null,                     -- wall, never falling within a partition
  message_group text,
  key blob,
  headers text,                                   -- a JSON object, or a list: it and properties
  value blob,                                     -- null: a tombstone
  expires integer,                                -- wall; only where it is not timestamp + retention
  checksum integer not null,
  arrived integer                                 -- store time; null where the timestamp tells it
) strict;
create index mq_records_message_group on mq_records (message_group)
  where message_group is not null;
create index mq_records_expires on mq_records (expires) where expires is not null;

-- Records that a reader came upon and found damaged: stalls and the doctor tell of them.
create table mq_damages (
  record integer primary key,
  noticed integer not null,                       -- wall
  told integer not null check (told in (0, 1))    -- whether a receive has raised an error for it
) strict;

-- Tombstones that a compaction has seen, and when: they go a delay after that.
create table mq_tombstones (
  record integer primary key,
  seen integer not null                           -- store time of the compaction
) strict;

-- A consumer group, the readers of a queue, or a share: all that keep a place in a channel.
create table mq_readers (
  id integer primary key autoincrement,
  kind text not null check (kind in ('group', 'queue', 'share')),
  name text not null check (length(name) between 1 and 765),
  channel integer unique references mq_channels on delete cascade, -- the queue or share it is
  source integer references mq_channels,          -- the channel it reads; null for a group
  created integer not null,                       -- wall
  label text,                                     -- the topology file that owns it
  lease integer check (lease >= 0),
  max_deliveries integer check (max_deliveries > 0),
  dead_letter_to text,                            -- a queue, or exchange:NAME
  dead_letter_key text,
  drop_exhausted integer not null default 0 check (drop_exhausted in (0, 1)),
  noticed integer not null default 0,             -- leases due up to then count as ready again
  unique (kind, name),
  check ((kind = 'group') = (source is null)),
  check ((kind = 'group') = (channel is null)),
  check ((kind = 'group') = (lease is null))
) strict;
create index mq_readers_source on mq_readers (source) where source is not null;
create index mq_readers_dead_letters on mq_readers (dead_letter_to)
  where dead_letter_to is not null;

-- The settings of a consumer group.
create table mq_groups (
  reader integer primary key references mq_readers on delete cascade,
  generation integer not null default 0,
  assignor text not null check (assignor in ('cooperative-sticky', 'range', 'roundrobin')),
  below_start text not null check (below_start in ('earliest', 'latest', 'error')),
  retention integer not null check (retention > 0),
  max_lag integer check (max_lag >= 0),
  max_lag_time integer check (max_lag_time > 0),
  emptied integer,                                -- store time at which the last member left
  labels text                                     -- a JSON object
) strict;

-- The topics a group was declared for.
create table mq_group_topics (
  reader integer not null references mq_groups on delete cascade,
  channel integer not null references mq_channels on delete cascade,
  primary key (reader, channel)
) strict, without rowid;
create index mq_group_topics_channel on mq_group_topics (channel);

-- The window and the place to begin of a share.
create table mq_shares (
  reader integer primary key references mq_readers on delete cascade,
  max_in_flight integer not null check (max_in_flight > 0),
  turn integer not null default 0,                -- the partition number to look at first
  labels text                                     -- a JSON object
) strict;

-- A live member of a group. `incarnation` is what a slot names, so that a restarted member with
-- the same name is another one.
create table mq_members (
  incarnation integer primary key autoincrement,
  reader integer not null references mq_groups on delete cascade,
  name text not null,
  static integer not null default 0 check (static in (0, 1)),
  holder integer not null references mq_holders,
  topics text not null,
  joined integer not null,                        -- store time
  seen integer not null,                          -- store time of the last sign of life
  polled integer not null,                        -- store time of the last poll
  session_timeout integer not null check (session_timeout > 0),
  max_poll_interval integer not null check (max_poll_interval > 0),
  unique (reader, name)
) strict;
create index mq_members_holder on mq_members (holder);

-- Where one reader stands in one partition: every offset below the cursor was handed out.
create table mq_slots (
  id integer primary key autoincrement check (id < 8388608),
  reader integer not null references mq_readers on delete cascade,
  partition integer not null references mq_partitions on delete cascade,
  cursor integer not null check (cursor >= 0),
  committed integer not null default 0 check (committed in (0, 1)), -- 0: a place to begin, no commit
  member integer,                                 -- the incarnation that owns it
  epoch integer not null default 0,
  wanted integer,                                 -- the incarnation that shall own it
  moved integer not null default 0,               -- store time at which its cursor last moved
  leases integer not null default 0 check (leases >= 0),
  held integer not null default 0 check (held >= 0),
  waiting integer not null default 0 check (waiting >= 0),
  taken integer not null default 0,               -- store time at which its member took it
  tries integer not null default 0 check (tries >= 0), -- members that had it since it moved
  last_commit integer not null default 0,         -- the number of a commit that changed this row
  unique (reader, partition),
  check (held + waiting <= leases)
) strict;
create index mq_slots_partition on mq_slots (partition);
create index mq_slots_member on mq_slots (member) where member is not null;

-- A message that was delivered, or may not be delivered yet. `due` is "may be delivered from".
create table mq_leases (
  id integer primary key,
  reader integer not null references mq_readers on delete cascade,
  priority integer not null default 0,
  due integer not null,                           -- store time
  ends integer not null,                          -- store time; before due where a retry delay follows
  deliveries integer not null check (deliveries >= 0),
  token integer,
  holder integer references mq_holders,
  started integer,                                -- store time
  record integer not null,
  was_due integer not null default 0,             -- store time: where it stood before this delivery
  check ((token is null) = (holder is null)),
  check (token is null or deliveries > 0),
  check (ends <= due)
) strict;
create index mq_leases_due on mq_leases (reader, priority, due, id);
-- Leases that a retry delay follows: for counting those that lapsed meanwhile.
create index mq_leases_retry on mq_leases (reader, due, ends) where ends < due and token not null;
create index mq_leases_holder on mq_leases (holder) where holder is not null;

-- A FIFO message group that has messages.
create table mq_heads (
  id integer primary key autoincrement,
  reader integer not null references mq_readers on delete cascade,
  message_group text not null,
  due integer not null,                           -- store time
  first integer not null,                         -- the record at the head
  messages integer not null check (messages > 0),
  unique (reader, message_group)
) strict;
create index mq_heads_due on mq_heads (reader, due, id);

-- Deliveries that ended otherwise than by an ack.
create table mq_attempts (
  lease integer not null,
  number integer not null check (number > 0),
  token integer,
  holder text,
  started integer,                                -- wall
  ended integer not null,                         -- wall
  outcome text not null check (outcome in
    ('nacked', 'rejected', 'expired', 'released', 'abandoned', 'failed')),
  error text,
  primary key (lease, number)
) strict, without rowid;
create index mq_attempts_ended on mq_attempts (ended);

-- Deliveries that were taken back as if they had not been: the history knows nothing of them, and
-- their receipts are refused all the same.
create table mq_undone_receives (
  token integer primary key,
  at integer not null                             -- wall
) strict;
create index mq_undone_receives_at on mq_undone_receives (at);

-- Processes that hold leases or partitions. Only an attached one loses them when it is gone.
create table mq_holders (
  id integer primary key autoincrement,
  name text not null,
  host text not null,
  pid integer not null,
  started integer,                                -- start time of the process, in kernel ticks
  boot_id text not null,
  pid_namespace integer,
  attached integer not null check (attached in (0, 1)),
  seen integer not null                           -- store time
) strict;
create index mq_holders_pid on mq_holders (pid, name);
create index mq_holders_attached on mq_holders (id) where attached = 1;

-- The line of consumers of a queue with a single active one, which is the first.
create table mq_consumers (
  id integer primary key autoincrement,
  reader integer not null references mq_readers on delete cascade,
  holder integer not null references mq_holders,
  seen integer not null,                          -- store time of the last call
  unique (reader, holder)
) strict;
create index mq_consumers_holder on mq_consumers (holder);

-- A message group of a fair queue that has undelivered messages, or some in flight.
create table mq_tenants (
  reader integer not null references mq_readers on delete cascade,
  name text not null,
  first integer,                                  -- its oldest undelivered record
  in_flight integer not null default 0 check (in_flight >= 0),
  sent integer not null,                          -- store time of its last send
  primary key (reader, name)
) strict, without rowid;
create index mq_tenants_first on mq_tenants (reader, first) where first is not null;
create index mq_tenants_in_flight on mq_tenants (reader, in_flight) where in_flight >= 30;

-- Where a message that was moved or imported comes from.
create table mq_origins (
  record integer primary key,
  message_id blob not null check (length(message_id) = 16),
  sent integer not null,                          -- wall; when it was first sent
  source text,
  reason text check (reason in ('max_deliveries', 'rejected', 'expired', 'overflow')),
  at integer,                                     -- wall; when it was dead-lettered
  deliveries integer not null default 0,
  error text,
  hops text not null default '[]',
  priority integer not null default 0             -- as it was sent
) strict;
create index mq_origins_message_id on mq_origins (message_id);
create trigger mq_origins_put after insert on mq_origins when new.reason not null begin
  update mq_partitions set dead_letters = dead_letters + 1 where id = new.record >> 40;
end;
create trigger mq_origins_removed after delete on mq_origins when old.reason not null begin
  update mq_partitions set dead_letters = dead_letters - 1 where id = old.record >> 40;
end;

-- The journal of redrives and edits of dead letters, for undo. An edit keeps the value before it.
create table mq_moves (
  id integer primary key autoincrement,
  batch integer not null,
  at integer not null,                            -- wall
  record integer not null,
  moved_from text not null,
  moved_from_record integer not null,
  origin text not null,
  undone integer not null default 0 check (undone in (0, 1)),
  edited integer not null default 0 check (edited in (0, 1)),
  value blob
) strict;
create index mq_moves_batch on mq_moves (batch);
create index mq_moves_record on mq_moves (record);

-- Redrives that go on step by step, of the dead letters with sequences after `last` to `until`.
create table mq_move_tasks (
  id integer primary key autoincrement,
  queue text not null,
  target text,                                    -- null: each to its source
  rate real check (rate > 0),                     -- messages a second; null: without a limit
  state text not null check (state in ('running', 'completed', 'cancelled', 'failed')),
  wanted integer not null,                        -- the dead letters at the start
  moved integer not null default 0,
  batch integer,                                  -- in the journal, once some were moved
  last integer not null,
  until integer not null,
  due integer not null,                           -- store time of the next step
  started integer not null,                       -- wall
  ended integer,                                  -- wall
  error text
) strict;
create unique index mq_move_tasks_running on mq_move_tasks (queue) where state = 'running';

-- Sends to a queue that count as duplicates when repeated.
create table mq_deduplications (
  channel integer not null references mq_channels on delete cascade,
  scope text not null,
  deduplication_id text not null,
  record integer not null,
  message_id blob not null,
  until integer not null,                         -- store time
  primary key (channel, scope, deduplication_id)
) strict, without rowid;
create index mq_deduplications_until on mq_deduplications (until);

-- Named producers. A newer incarnation has a higher epoch and fences the older.
create table mq_producers (
  id integer primary key autoincrement,
  name text not null unique check (length(name) between 1 and 765),
  epoch integer not null default 0,
  used integer not null                           -- wall
) strict;

-- How many records of its input a producer has stored in a channel.
create table mq_sequences (
  producer integer not null references mq_producers on delete cascade,
  channel integer not null references mq_channels on delete cascade,
  stored integer not null check (stored >= 0),
  primary key (producer, channel)
) strict, without rowid;
create index mq_sequences_channel on mq_sequences (channel);

create table mq_exchanges (
  id integer primary key autoincrement,
  name text not null unique check (length(name) between 1 and 765),
  type text not null check (type in ('direct', 'topic', 'fanout', 'headers')),
  alternate text check (length(alternate) between 1 and 765), -- an exchange, maybe not there yet
  created integer not null,                       -- wall
  label text,                                     -- the topology file that owns it
  labels text                                     -- a JSON object
) strict;

-- How many messages of its input a producer has published through an exchange.
create table mq_publications (
  producer integer not null references mq_producers on delete cascade,
  exchange integer not null references mq_exchanges on delete cascade,
  published integer not null check (published >= 0),
  primary key (producer, exchange)
) strict, without rowid;
create index mq_publications_exchange on mq_publications (exchange);

-- A binding leads to a channel or to another exchange.
create table mq_bindings (
  id integer primary key autoincrement,
  exchange integer not null references mq_exchanges on delete cascade,
  channel integer references mq_channels on delete cascade,
  to_exchange integer references mq_exchanges on delete cascade,
  key text not null,
  arguments text not null,
  match text not null check (match in ('all', 'any', 'all-with-x', 'any-with-x')),
  label text,                                     -- the topology file that owns it
  check ((channel is null) <> (to_exchange is null))
) strict;
create unique index mq_bindings_identity on mq_bindings
  (exchange, ifnull(channel, 0), ifnull(to_exchange, 0), key, arguments, match);
create index mq_bindings_channel on mq_bindings (channel) where channel is not null;
create index mq_bindings_to_exchange on mq_bindings (to_exchange) where to_exchange is not null;
-- A key that equals a binding key is looked up; only those with a * or # are loaded.
create index mq_bindings_key on mq_bindings (exchange, key);
create index mq_bindings_pattern on mq_bindings (exchange, key)
  where instr(key, '*') or instr(key, '#');

-- An open store forgets its remembered settings when the generation has changed. Triggers, because
-- much goes with its topic, queue or exchange, and so that no writer can forget it. Counters that
-- stand beside settings raise nothing.
create trigger mq_store_altered after update of read_only on mq_store begin
  update mq_store set generation = generation + 1;
end;
create trigger mq_channels_created after insert on mq_channels begin
  select raise(abort, 'read-only') from mq_store where read_only;
  update mq_store set generation = generation + 1;
end;
create trigger mq_channels_altered after update on mq_channels begin
  select raise(abort, 'read-only') from mq_store where read_only;
  update mq_store set generation = generation + 1;
end;
create trigger mq_channels_deleted after delete on mq_channels begin
  select raise(abort, 'read-only') from mq_store where read_only;
  update mq_store set generation = generation + 1;
end;
create trigger mq_exchanges_created after insert on mq_exchanges begin
  select raise(abort, 'read-only') from mq_store where read_only;
  update mq_store set generation = generation + 1;
end;
create trigger mq_exchanges_altered after update on mq_exchanges begin
  select raise(abort, 'read-only') from mq_store where read_only;
  update mq_store set generation = generation + 1;
end;
create trigger mq_exchanges_deleted after delete on mq_exchanges begin
  select raise(abort, 'read-only') from mq_store where read_only;
  update mq_store set generation = generation + 1;
end;
create trigger mq_bindings_created after insert on mq_bindings begin
  select raise(abort, 'read-only') from mq_store where read_only;
  update mq_store set generation = generation + 1;
end;
create trigger mq_bindings_deleted after delete on mq_bindings begin
  select raise(abort, 'read-only') from mq_store where read_only;
  update mq_store set generation = generation + 1;
end;
create trigger mq_partitions_created after insert on mq_partitions begin
  update mq_store set generation = generation + 1;
end;
create trigger mq_partitions_left after update of channel on mq_partitions begin
  update mq_store set generation = generation + 1;
end;
create trigger mq_partitions_deleted after delete on mq_partitions begin
  update mq_store set generation = generation + 1;
end;
create trigger mq_topics_altered after update on mq_topics begin
  select raise(abort, 'read-only') from mq_store where read_only;
  update mq_store set generation = generation + 1;
end;
create trigger mq_queues_altered after update of fifo, delay, retention,
  max_message, retry_delays, dedup_window, content_dedup, dedup_scope, priorities, ttl, max_length,
  max_bytes, overflow, single_active, fair, redrive_allow, chaos, wait, labels on mq_queues begin
  select raise(abort, 'read-only') from mq_store where read_only;
  update mq_store set generation = generation + 1;
end;
create trigger mq_readers_altered after update of lease, max_deliveries,
  dead_letter_to, dead_letter_key, drop_exhausted on mq_readers begin
  select raise(abort, 'read-only') from mq_store where read_only;
  update mq_store set generation = generation + 1;
end;
create trigger mq_shares_altered after update of max_in_flight, labels on mq_shares begin
  select raise(abort, 'read-only') from mq_store where read_only;
  update mq_store set generation = generation + 1;
end;
create trigger mq_holders_forgotten after delete on mq_holders begin
  update mq_store set generation = generation + 1;
end;

-- How far a queue was copied to another place.
create table mq_copies (
  channel integer not null references mq_channels on delete cascade,
  place text not null,                            -- as people name it
  sequence integer not null,                      -- of the last message copied
  primary key (channel, place)
) strict, without rowid;

-- The finished work of an idempotent consumer.
create table mq_first_times (
  scope text not null,
  id text not null,
  at integer not null,                            -- wall
  primary key (scope, id)
) strict, without rowid;

-- Plain tables that follow a topic.
create table mq_projections (
  target text primary key,                        -- the table's name
  channel integer not null references mq_channels on delete cascade,
  primary_key text not null
) strict, without rowid;
create index mq_projections_channel on mq_projections (channel);
create table mq_projection_offsets (
  target text not null references mq_projections on delete cascade,
  partition integer not null references mq_partitions on delete cascade,
  next integer not null check (next >= 0),
  primary key (target, partition)
) strict, without rowid;
create index mq_projection_offsets_partition on mq_projection_offsets (partition);

-- Counters at their first change in each ten seconds, in a ring: for rates and trends.
create table mq_samples (
  subject text not null check (subject in ('partition', 'slot', 'channel', 'queue')),
  subject_id integer not null,
  bucket integer not null check (bucket between 0 and 59),
  at integer not null,                            -- store time
  counter integer not null,
  primary key (subject, subject_id, bucket)
) strict, without rowid;
create index mq_samples_at on mq_samples (subject, at);
create trigger mq_partitions_samples after delete on mq_partitions begin
  delete from mq_samples where subject = 'partition' and subject_id = old.id;
end;
create trigger mq_slots_samples after delete on mq_slots begin
  delete from mq_samples where subject = 'slot' and subject_id = old.id;
end;
create trigger mq_channels_samples after delete on mq_channels begin
  delete from mq_samples where subject in ('channel', 'queue') and subject_id = old.id;
end;

-- How long a sample of the acknowledged deliveries took.
create table mq_processing_times (
  reader integer not null references mq_readers on delete cascade,
  bucket integer not null check (bucket between 0 and 255), -- four to each doubling of the time
  count integer not null check (count > 0),
  primary key (reader, bucket)
) strict, without rowid;
