import {connect} from './sdk/src/client.js';
import {Outbox} from './outbox.js';

const SELECT = 'SELECT id, title, done, created_at FROM todo.tasks ORDER BY created_at, id';
const INSERT = 'INSERT INTO todo.tasks (id, title, created_at) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING';
const RENAME = 'UPDATE todo.tasks SET title = $2 WHERE id = $1';
const CHECK = 'UPDATE todo.tasks SET done = $2 WHERE id = $1';
const DELETE = 'DELETE FROM todo.tasks WHERE id = $1';

// Every role has rows of its own: `todo.tasks` is a user table.
const users = ['anna', 'bert'];
const asked = new URLSearchParams(location.search).get('user');
const user = users.includes(asked) ? asked : users[0];

const {url} = await (await fetch('config.json')).json();
const db = connect({url, user});

const outbox = new Outbox(`todo.${user}.outbox`, db, {onChange: render, onRefused: showError});

// The rows of the last visit are shown at once; the server sends what happened since.
const savedKey = `todo.${user}.rows`;
const live = db.live(SELECT, [], () => outbox.seen(), {
  saved: JSON.parse(localStorage.getItem(savedKey) ?? 'null'),
  onError: showError,
});
live.subscribe(() => {
  const saved = live.save();
  if (saved !== null) localStorage.setItem(savedKey, JSON.stringify(saved));
  render();
});
db.onState(render);

/** The rows of the server, with what was done here and is not among them yet. */
function tasks() {
  const byId = new Map(live.rows.map(row => [row.id, {...row, isWaiting: false}]));
  const waiting = new Set(outbox.waiting.map(write => write.params[0]));
  for (const {sql, params: [id, value, createdAt]} of outbox.unseen) {
    const task = byId.get(id);
    if (sql === INSERT && task === undefined) byId.set(id, {id, title: value, done: false, created_at: createdAt});
    if (sql === RENAME && task !== undefined) task.title = value;
    if (sql === CHECK && task !== undefined) task.done = value;
    if (sql === DELETE) byId.delete(id);
  }
  return [...byId.values()].map(task => ({...task, isWaiting: waiting.has(task.id)}));
}

// --- what is shown

const element = id => document.getElementById(id);

function render() {
  const all = tasks();
  const list = element('tasks');
  const known = new Map([...list.children].map(item => [item.dataset.id, item]));
  let at = list.firstElementChild;
  for (const task of all) {
    const item = known.get(task.id) ?? newItem(task.id);
    known.delete(task.id);
    update(item, task);
    if (item === at) at = at.nextElementSibling;
    else list.insertBefore(item, at);
  }
  for (const item of known.values()) item.remove();

  const open = all.filter(task => !task.done).length;
  element('empty').hidden = all.length > 0 || live.state === 'loading';
  element('count').textContent = all.length === 0 ? '' : `${open} of ${all.length} open`;
  element('clear').hidden = open === all.length;
  renderStatus();
}

function renderStatus() {
  const isLive = db.state === 'online' && live.state === 'live';
  const state = isLive ? 'live' : db.state === 'closed' || live.state === 'closed' ? 'closed' : 'offline';
  const waiting = outbox.waiting.length;
  const word = {live: 'live', closed: 'closed', offline: live.state === 'loading' ? 'connecting' : 'offline'}[state];
  element('status').dataset.state = state;
  element('status').textContent = waiting === 0 ? word : `${word}, ${waiting} to send`;
}

function newItem(id) {
  const item = element('task').content.firstElementChild.cloneNode(true);
  item.dataset.id = id;
  const [check, text] = item.querySelectorAll('input');
  check.addEventListener('change', () => outbox.add({sql: CHECK, params: [id, check.checked]}));
  text.addEventListener('change', () => {
    if (text.value.trim() === '') text.value = text.dataset.title;
    else outbox.add({sql: RENAME, params: [id, text.value.trim()]});
  });
  text.addEventListener('keydown', event => {
    if (event.key === 'Escape') text.value = text.dataset.title;
    if (event.key === 'Enter' || event.key === 'Escape') text.blur();
  });
  item.querySelector('.delete').addEventListener('click', () => outbox.add({sql: DELETE, params: [id]}));
  return item;
}

function update(item, task) {
  const [check, text] = item.querySelectorAll('input');
  check.checked = task.done;
  // What is being typed stays.
  if (document.activeElement !== text || text.value === text.dataset.title) text.value = task.title;
  text.dataset.title = task.title;
  item.classList.toggle('done', task.done);
  item.classList.toggle('is-waiting', task.isWaiting);
}

function showError(error) {
  element('error').hidden = false;
  element('error').textContent = `${error.message} (${error.code})`;
}

element('add').addEventListener('submit', event => {
  event.preventDefault();
  const input = element('title');
  const title = input.value.trim();
  if (title === '') return;
  // The key is made here, so that sending it again makes no second task.
  outbox.add({sql: INSERT, params: [crypto.randomUUID(), title, new Date().toISOString()]});
  input.value = '';
});

element('clear').addEventListener('click', () => {
  for (const {id, done} of tasks()) if (done) outbox.add({sql: DELETE, params: [id]});
});

for (const name of users) {
  const link = document.createElement('a');
  link.href = `?user=${name}`;
  link.textContent = name;
  if (name === user) link.setAttribute('aria-current', 'page');
  element('users').append(link);
}
element('sql').textContent = `-- live\n${SELECT}\n\n-- writes\n${[INSERT, RENAME, CHECK, DELETE].join('\n')}`;
render();
void outbox.send();
