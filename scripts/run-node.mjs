import {spawn} from 'node:child_process';

/** Runs a program with our own input and output, hands signals on to it, and ends as it ends. */
export function runNode(node, args) {
  const child = spawn(node, args, {stdio: 'inherit'});
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) {
    // A terminal sends SIGINT and SIGHUP to the whole group, so the child has had its own.
    const reachesGroup = process.stdin.isTTY === true && signal !== 'SIGTERM';
    process.on(signal, () => void (reachesGroup || child.kill(signal)));
  }
  child.on('error', error => {
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.removeAllListeners(name);
    process.kill(process.pid, signal);
  });
}
