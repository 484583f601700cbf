-- The logs of all boards.
--
-- A revision is addressed by one integer, `id = board.number << 40 | revision`, the row id of its table:
-- board names are stored once, a board's rows lie side by side in order, and neither an index nor a wide
-- key is paid for on any row. 2^40 revisions a board and 2^22 boards fit.

CREATE TABLE board (
    number INTEGER PRIMARY KEY,
    name   TEXT NOT NULL UNIQUE
);

-- One row per commit, under the id of its last revision. The predecessor's hash is not repeated here.
CREATE TABLE chain (
    id      INTEGER PRIMARY KEY,
    length  INTEGER NOT NULL,  -- rows in the commit
    time_ms INTEGER NOT NULL,
    hash    BLOB    NOT NULL   -- SHA-256, 32 bytes; also the commit's id
);

-- One row per event. The chain covers `body`; `data` and `salt` can be erased.
CREATE TABLE event (
    id   INTEGER PRIMARY KEY,
    body BLOB NOT NULL,
    data BLOB,
    salt BLOB
);

-- For people with a database browser.
CREATE VIEW log AS
SELECT board.name                AS board,
       event.id & 1099511627775  AS revision,
       CAST(event.body AS TEXT)  AS body,
       CAST(event.data AS TEXT)  AS data
FROM event JOIN board ON board.number = event.id >> 40;
