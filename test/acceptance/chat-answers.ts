import type {World} from './chat-world.ts';

/** Contents of a table as one line. */
export const CONTENTS = `SELECT count(*), sum(tokens), md5(string_agg(md5(content), '' ORDER BY id)) FROM chat.messages`;

const CONVERSATION = '9ad06d99-9cfc-a0b3-a51b-50a3b9f66620';

/** Queries of one user whose answers must not depend on where the rows lie. */
const OWN: Readonly<Record<string, string>> = {
  contents: CONTENTS,
  point: `SELECT m FROM chat.messages m WHERE id = (SELECT min(id) FROM chat.messages)`,
  keys: `SELECT id, role, tokens FROM chat.messages WHERE id IN (1, 2, 3, 40000, 80000, 82400, -1) ORDER BY id`,
  range: `SELECT count(*), min(id), max(id), sum(length(content)) FROM chat.messages WHERE id BETWEEN 30000 AND 60000`,
  time: `SELECT count(*), min(created_at), max(created_at) FROM chat.messages
    WHERE created_at >= '2021-03-01' AND created_at < '2021-09-01'`,
  page: `SELECT id, created_at, left(content, 30) FROM chat.messages ORDER BY created_at DESC, id DESC LIMIT 20 OFFSET 40`,
  conversation: `SELECT id, role, md5(content) FROM chat.messages WHERE conversation_id = '${CONVERSATION}' ORDER BY id`,
  like: `SELECT count(*), sum(tokens) FROM chat.messages WHERE content LIKE '%join%'`,
  ilike: `SELECT count(*) FROM chat.messages WHERE content ILIKE '%fix%' AND role = 'user'`,
  months: `SELECT date_trunc('month', created_at) AS month, count(*), sum(tokens), avg(tokens), min(length(content)), max(length(content))
    FROM chat.messages GROUP BY 1 ORDER BY 1`,
  models: `SELECT o.name, count(*), count(DISTINCT c.id), sum(m.tokens * o.price) FROM chat.messages m
    JOIN chat.conversations c ON c.id = m.conversation_id JOIN chat.models o ON o.id = c.model_id GROUP BY o.name ORDER BY 1`,
  typing: `SELECT t.note, c.title, o.name, count(m.id) FROM chat.typing t JOIN chat.conversations c ON c.id = t.conversation_id
    JOIN chat.models o ON o.id = c.model_id LEFT JOIN chat.messages m ON m.conversation_id = c.id GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`,
  silent: `SELECT count(*) FROM chat.conversations c WHERE NOT EXISTS (
    SELECT 1 FROM chat.messages m WHERE m.conversation_id = c.id AND m.role = 'system')`,
  rank: `SELECT id, n FROM (SELECT id, row_number() OVER (PARTITION BY conversation_id ORDER BY tokens DESC, id) AS n
    FROM chat.messages) x WHERE n = 7 ORDER BY id LIMIT 25`,
};

/** Queries across users, of the service role. */
const ALL: Readonly<Record<string, string>> = {
  everybody: `SELECT count(*), count(DISTINCT _user_id), sum(tokens), md5(string_agg(md5(content), '' ORDER BY id)) FROM chat.messages`,
  users: `SELECT _user_id, count(*), max(id) FROM chat.messages GROUP BY _user_id ORDER BY 2 DESC, 1 LIMIT 50`,
  one: `SELECT count(*), sum(tokens) FROM chat.messages WHERE _user_id = 'user_00003'`,
};

/** The answers of some users and of the agent, by name of the query. */
export async function answers(
  world: World,
  users: readonly string[],
): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  const ask = async (user: string, queries: Readonly<Record<string, string>>): Promise<void> => {
    const names = Object.keys(queries);
    const script = names.map(name => `\\echo =${name}\n${queries[name]};`).join('\n');
    const text = await world.psql(user, script);
    for (const part of text.split(/^=/m).slice(1)) {
      const end = part.indexOf('\n');
      found[`${user} ${part.slice(0, end)}`] = end === -1 ? '' : part.slice(end + 1).trimEnd();
    }
  };
  for (const user of users) await ask(user, OWN);
  await ask('agent', ALL);
  return found;
}
