/** The gateway cannot start, for a reason that its operator can do something about. One line, shown without a stack. */
export class StartError extends Error {
  override readonly name = "StartError";
}
