/** A statement's text for the log of the server: passwords, keys and credentials are left out. */
export function withoutSecrets(text: string): string {
  return text.replaceAll(
    /\b(password|secret|token|secret_access_key|credentials)\b(["\s:=]*)(?:e?'(?:[^']|'')*'?|"[^"]*"?|\$(\w*)\$[^]*?(?:\$\3\$|$))/gi,
    "$1$2'***'",
  );
}
