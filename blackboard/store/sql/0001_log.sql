-- The logs of all boards.
--
-- Events lie in the order in which they came, whatever board they belong to: the large table only ever grows
-- at its end, so that a batch touches few pages however many boards it spans. (Clustered by board instead, a
-- batch over 64 boards took 1.6 times as long, and the file was 9 % larger.) The events of one commit are
-- adjacent; its row in `chain` says where they start.

CREATE TABLE board (
    number INTEGER PRIMARY KEY,
    name   TEXT NOT NULL UNIQUE
);

-- One row per commit. Its id, `board.number << 40 | last revision`, keeps a board's commits side by side and
-- in order without an index; 2^40 revisions a board and 2^22 boards fit. The hash of the predecessor is not
-- repeated here.
CREATE TABLE chain (
    id      INTEGER PRIMARY KEY,
    start   INTEGER NOT NULL,  -- id of its first event
    length  INTEGER NOT NULL,  -- number of its events
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
SELECT board.name                                                              AS board,
       (chain.id & 1099511627775) - chain.length + 1 + event.id - chain.start  AS revision,
       CAST(event.body AS TEXT)                                                AS body,
       CAST(event.data AS TEXT)                                                AS data
FROM board
CROSS JOIN chain ON chain.id BETWEEN board.number << 40 AND board.number << 40 | 1099511627775
CROSS JOIN event ON event.id BETWEEN chain.start AND chain.start + chain.length - 1;
