import {readFileSync, writeFileSync} from 'node:fs';

// What the formatter leaves alone: comments longer than the limit of the layer test are wrapped.
const limit = 140;
const width = 120;

/** Rewraps the comment lines of a file that are longer than 140 columns. */
export function wrapComments(file) {
  const before = readFileSync(file, 'utf8');
  const after = before.split('\n').flatMap(wrapLine).join('\n');
  if (after !== before) writeFileSync(file, after);
}

function wrapLine(line) {
  if (line.length <= limit) return [line];
  const doc = /^(\s*)\/\*\* (.*) \*\/$/.exec(line);
  if (doc !== null) {
    const [, indent, text] = doc;
    return [`${indent}/**`, ...wrapText(text, `${indent} * `), `${indent} */`];
  }
  const inner = /^(\s*(?:\*|\/\/) )(.*)$/.exec(line);
  if (inner !== null && !inner[2].endsWith('*/')) return wrapText(inner[2], inner[1]);
  const trailing = /^(\s*)(\S.*?) \/\/ ([^'"`]*)$/.exec(line);
  if (trailing === null || trailing[2].includes('//')) return [line];
  return [...wrapText(trailing[3], `${trailing[1]}// `), `${trailing[1]}${trailing[2]}`];
}

function wrapText(text, prefix) {
  const lines = [];
  let line = prefix;
  for (const word of text.split(' ')) {
    if (line.length + word.length > width && line !== prefix) {
      lines.push(line.trimEnd());
      line = prefix;
    }
    line += `${word} `;
  }
  lines.push(line.trimEnd());
  return lines;
}
