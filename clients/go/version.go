package hevlayer

// Version is the version of this package. The release tooling keeps it equal to the number in package.json.
const Version = "0.1.0"
