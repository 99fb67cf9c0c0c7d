package handlers

// What pages are filled with.
var (
	PageOf = pageOf
	FormOf = formOf
)
